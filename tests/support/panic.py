"""What libraries in Rust raise when they panic: no `Exception`, and so past every `except Exception`."""


class Panic(BaseException):
    """Stands in for `pyo3_runtime.PanicException`."""
