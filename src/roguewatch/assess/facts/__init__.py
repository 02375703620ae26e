"""The facts of an assessment: one small named function each, and what they rest on."""
