"""The mirror as files of flat rows."""
