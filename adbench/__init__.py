"""adbench: which detector finds the anomalies in this data, how well, and can I believe the number?"""

__version__ = "0.1.0"
