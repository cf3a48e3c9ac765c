"""Amounts in words. https://docs.stripe.com/currencies"""

from decimal import Context, Decimal, localcontext

_SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£"}
_WITHOUT_MINOR_UNIT = frozenset(
    {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"}
)
"""https://docs.stripe.com/currencies#zero-decimal; isk and ugx keep two digits: #special-cases"""
_THREE_DIGITS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
"""https://docs.stripe.com/currencies#three-decimal"""
MAX_DIGITS = 10_000


def minor_digits(currency: str) -> int:
    """Decimal places between the currency's unit and the minor unit in which Stripe writes amounts."""
    name = currency.lower()
    return 0 if name in _WITHOUT_MINOR_UNIT else 3 if name in _THREE_DIGITS else 2


def major(amount: Decimal, currency: str) -> Decimal:
    """An amount in the currency's own unit (dollars), exact."""
    with localcontext(Context(prec=MAX_DIGITS)):
        return amount.scaleb(-minor_digits(currency))


def words(amount: Decimal, currency: str) -> str:
    """Such as ``$0.002``, ``$1,200.00`` or ``49.00 CHF``: with at least the digits of the currency, and all others."""
    value = major(amount, currency)
    digits = max(minor_digits(currency), -_exponent(value))
    shown = f"{abs(value):,.{digits}f}"
    sign = "-" if value < 0 else ""
    symbol = _SYMBOLS.get(currency.lower())
    return f"{sign}{symbol}{shown}" if symbol else f"{sign}{shown} {currency.upper()}".rstrip()


def quantity(number: Decimal) -> str:
    """Such as ``1,000`` or ``10,000.5``."""
    return f"{number:,.{max(0, -_exponent(number))}f}"


def _exponent(number: Decimal) -> int:
    """That of the last digit that is not 0."""
    with localcontext(Context(prec=MAX_DIGITS)):
        exponent = number.normalize().as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
