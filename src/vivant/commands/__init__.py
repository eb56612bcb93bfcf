"""The command line, a file for each subject: a function for each command, and its options."""
