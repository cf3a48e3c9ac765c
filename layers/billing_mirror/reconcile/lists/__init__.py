"""All that Stripe lists, and all that the mirror's index holds, from any position on."""
