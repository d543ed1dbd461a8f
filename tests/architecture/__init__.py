"""What holds for the whole tree: layout, layers, sizes, and what a file may not contain."""
