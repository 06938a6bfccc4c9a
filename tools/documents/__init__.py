"""Generator of the parts of the documents that follow from the stack files and the program."""
