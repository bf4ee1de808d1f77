"""Statistics as pure functions on arrays: agreement, regression, prediction intervals."""
