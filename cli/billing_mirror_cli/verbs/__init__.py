"""A module for each verb."""
