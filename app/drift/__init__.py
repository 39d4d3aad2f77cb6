"""Watching what is asked and how it is answered, in the server: a look a day, kept, told and raised as alarms."""
