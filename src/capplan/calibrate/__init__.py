"""Learn what a service needs from load tests and monitoring: read, judge, fit, write into the plan."""
