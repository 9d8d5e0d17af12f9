"""Get pictures and labels: files, downloads, drawn digits, photographs, distortions."""
