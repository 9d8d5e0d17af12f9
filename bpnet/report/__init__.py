"""Show what a network does: pictures and pages for people."""
