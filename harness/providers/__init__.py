"""The providers behind the `Provider` seam: three wire formats and a scripted fake. They know no lane and no limit."""
