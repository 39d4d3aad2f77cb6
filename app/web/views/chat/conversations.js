// The reader's conversations in the sidebar.
export const Conversations = () => null;
