"""The risk supervisor: consent, trading state, breakers."""
