"""Reports: finished runs as one HTML file with tables and figures, and the figures as files. Free of torch."""
