"""The compiled pipeline of Level 2, counting lines that Python reads; only where it was built."""

from gateway.compiled.depth_pipeline import CompiledDepthPipeline


class CountedDepthPipeline(CompiledDepthPipeline):
    """Counts the lines that Python reads."""

    others = 0

    def _read_one(self, line: str, recv_us: int) -> None:
        self.others += 1
        super()._read_one(line, recv_us)
