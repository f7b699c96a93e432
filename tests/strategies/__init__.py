"""Strategies and indicators: the same signals as a vectorised TA-Lib gives, bar by bar."""
