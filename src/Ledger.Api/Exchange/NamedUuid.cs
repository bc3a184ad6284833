using System.Security.Cryptography;
using System.Text;

namespace Ledger.Api.Exchange;

/// <summary>UUIDs of what has a name: the same name is the same UUID for ever (RFC 9562, version 8: 122 bits of a
/// SHA-256).</summary>
internal static class NamedUuid
{
    public static string Of(string name)
    {
        var bytes = SHA256.HashData(Encoding.UTF8.GetBytes(name))[..16];
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x80); // version 8
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80); // the variant of RFC 9562
        return new Guid(bytes, bigEndian: true).ToString("D");
    }
}
