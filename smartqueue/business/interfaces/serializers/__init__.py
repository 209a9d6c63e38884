"""The wire's form of business things; rules are the operations'."""
