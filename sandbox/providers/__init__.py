"""One module for one provider; section numbers in them are those of the wire-format reference."""
