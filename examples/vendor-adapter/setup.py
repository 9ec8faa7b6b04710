"""brook.c as a shared library beside the package; it is loaded through ctypes, so it needs no header of Python's."""

from setuptools import Extension, setup

setup(ext_modules=[Extension("brook_conformance._brook", ["src/brook_conformance/brook.c"], libraries=["m"])])
