"""The written rules that turn facts into the cells of the verdict."""
