"""The test suite: unit, property, scenario, contract and end-to-end tests."""
