"""The pages of the pretend phones and of the mailbox."""
