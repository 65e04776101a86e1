"""Modules of active plugin folders, as `adbench.plugins.FOLDER`: the same name in every process.

`adbench.config.plugins` says what a plugin is and activates them; this package is for the import system alone.
"""

from adbench.config.plugins import active

active()
