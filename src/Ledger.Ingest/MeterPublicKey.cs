using System.Formats.Asn1;
using System.Security.Cryptography;

namespace Ledger.Ingest;

/// <summary>
/// The key with which a meter signs: a point of a named curve. It is read whole and strictly, since who sends a value
/// also sends a key: bytes behind it, or a curve of the sender's own making, would let a foreign signature pass under
/// the point of the registered key.
/// </summary>
/// <param name="Curve">Null where the bare point came, whose curve its signature's algorithm names.</param>
/// <param name="Point">x‖y, each of the curve's length.</param>
public sealed record MeterPublicKey(OcmfSignature.Curve? Curve, ReadOnlyMemory<byte> Point)
{
    private const string EllipticCurve = "1.2.840.10045.2.1"; // RFC 5480, section 2.1.1: id-ecPublicKey
    private const byte Uncompressed = 4; // SEC 1, section 2.3.3

    /// <summary>A SubjectPublicKeyInfo of one of OCMF's curves, by name (RFC 5480, section 2.1.1.1: never by explicit
    /// parameters), or a bare point; null where it is neither.</summary>
    public static MeterPublicKey? Read(ReadOnlyMemory<byte> key)
    {
        if (key.Length > 0 && key.Span[0] == Uncompressed && IsPoint(key.Length - 1)) return new(null, key[1..]);
        if (IsPoint(key.Length)) return new(null, key);
        try
        {
            var whole = new AsnReader(key, AsnEncodingRules.DER);
            var info = whole.ReadSequence();
            whole.ThrowIfNotEmpty();
            var algorithm = info.ReadSequence();
            if (algorithm.ReadObjectIdentifier() != EllipticCurve) return null;
            var oid = algorithm.ReadObjectIdentifier();
            algorithm.ThrowIfNotEmpty();
            var point = info.ReadBitString(out var unused);
            info.ThrowIfNotEmpty();
            return OcmfSignature.Curves.FirstOrDefault(curve => curve.Oid == oid) is { } named && unused == 0
                && point.Length == 2 * named.Bytes + 1 && point[0] == Uncompressed
                ? new(named, point.AsMemory(1)) : null;
        }
        catch (AsnContentException)
        {
            return null;
        }
    }

    /// <summary>Whether two texts in lower-case hexadecimal are one key: the same point, and the same curve where both
    /// name one. What cannot be read is no key of anybody.</summary>
    public static bool IsSame(string one, string other) =>
        Read(Convert.FromHexString(one)) is { } a && Read(Convert.FromHexString(other)) is { } b
        && a.Point.Span.SequenceEqual(b.Point.Span) && (a.Curve is null || b.Curve is null || a.Curve == b.Curve);

    /// <param name="named">Of a bare point.</param>
    /// <exception cref="CryptographicException">It is no point of the curve.</exception>
    public ECDsa OnCurve(OcmfSignature.Curve named)
    {
        var curve = Curve ?? named;
        if (Point.Length != 2 * curve.Bytes) throw new CryptographicException("the point is of another curve");
        return ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.CreateFromValue(curve.Oid),
            Q = new ECPoint { X = Point[..curve.Bytes].ToArray(), Y = Point[curve.Bytes..].ToArray() },
        });
    }

    private static bool IsPoint(int length) => OcmfSignature.Curves.Any(curve => length == 2 * curve.Bytes);
}
