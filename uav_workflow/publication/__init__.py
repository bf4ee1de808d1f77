"""What a data centre and a reviewer ask for: metadata, a page, a quality form, a research object."""
