"""The data that the cost model learns from: units of many families, built, timed and kept in one table."""
