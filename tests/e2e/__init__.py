"""The whole house at work: processes, broker and agencies as they are run."""
