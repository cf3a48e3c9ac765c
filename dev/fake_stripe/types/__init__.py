"""Which object types does Stripe have, and by which facts do they differ?"""
