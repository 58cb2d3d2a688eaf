"""Tests of the local emulator. Run: python -m unittest discover -s cli/emulator/tests -t cli/emulator"""
