"""Methods of training, one a file over TRL's or sentence-transformers' own trainer; `base` says what each is given."""
