"""Ed25519 (RFC 8032), as much as verifying needs."""

import functools
import hashlib

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
CURVE_D = -121665 * pow(121666, -1, PRIME) % PRIME


class Point:
    """A point of the curve, as x = X/Z, y = Y/Z, xy = T/Z."""

    def __init__(self, x, y, z, t):
        self.x, self.y, self.z, self.t = x, y, z, t

    @staticmethod
    def decode(data):
        """None when the bytes are no point."""
        y = int.from_bytes(data, "little")
        sign, y = y >> 255, y & (2**255 - 1)
        if y >= PRIME:
            return None
        square = (y * y - 1) * pow(CURVE_D * y * y + 1, -1, PRIME) % PRIME
        x = pow(square, (PRIME + 3) // 8, PRIME)
        if (x * x - square) % PRIME:
            x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
        if (x * x - square) % PRIME or (x == 0 and sign):
            return None
        if x & 1 != sign:
            x = PRIME - x
        return Point(x, y, 1, x * y % PRIME)

    def encode(self):
        inverse = pow(self.z, -1, PRIME)
        x, y = self.x * inverse % PRIME, self.y * inverse % PRIME
        return (y | (x & 1) << 255).to_bytes(32, "little")

    def __add__(self, other):
        a = (self.y - self.x) * (other.y - other.x)
        b = (self.y + self.x) * (other.y + other.x)
        c = 2 * CURVE_D * self.t * other.t
        d = 2 * self.z * other.z
        e, f, g, h = b - a, d - c, d + c, b + a
        return Point(e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME)

    def __mul__(self, scalar):
        result, power = Point(0, 1, 1, 0), self
        while scalar:
            if scalar & 1:
                result += power
            power += power
            scalar >>= 1
        return result

    def __neg__(self):
        return Point(PRIME - self.x, self.y, self.z, PRIME - self.t)


BASE = Point.decode((4 * pow(5, -1, PRIME) % PRIME).to_bytes(32, "little"))


# Some milliseconds each, and one checkpoint often stands in several sources.
@functools.lru_cache(maxsize=1024)
def is_signed(key, message, signature):
    point, scalar = Point.decode(key), int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or point is None or scalar >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    return (BASE * scalar + -point * challenge).encode() == signature[:32]
