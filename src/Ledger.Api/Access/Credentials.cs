using System.Security.Cryptography;
using System.Text;
using Ledger.Domain;

namespace Ledger.Api.Access;

/// <summary>
/// Who comes, from what a request brings: a key or a token as a bearer (RFC 6750), a key as the password of HTTP's own
/// dialog (RFC 7617), so that a browser can show the page, a station's certificate, or the token of the data folder,
/// which shows that the caller may read the folder anyway.
/// </summary>
internal sealed class Credentials : IDisposable
{
    private const string FolderPrefix = "folder_";

    private readonly OpenLedger ledger;
    private readonly AccessOptions options;
    private readonly BearerTokens? tokens;
    private readonly byte[] folderToken = RandomNumberGenerator.GetBytes(32);

    public Credentials(OpenLedger ledger, AccessOptions options)
    {
        (this.ledger, this.options) = (ledger, options);
        Keys = new(ledger.Recorder, ledger.Clock);
        tokens = options.Tokens is { } taken ? new(taken, ledger.Clock) : null;
    }

    public bool IsRequired => options.IsRequired;
    public KeyRing Keys { get; }

    /// <summary>Whether a request brings anything, true or not.</summary>
    public bool AreBrought(HttpContext context) => context.Request.Headers.Authorization.Count > 0
        || (options.Tls?.StationAuthority is not null && context.Connection.ClientCertificate is not null);

    /// <summary>What the data folder says to whoever may read it, and to nobody else.</summary>
    public string FolderToken => FolderPrefix + Convert.ToHexStringLower(folderToken);

    /// <summary>Who comes; null where a request brings nothing, or nothing that is true.</summary>
    public async ValueTask<Principal?> OfAsync(HttpContext context)
    {
        var brought = context.Request.Headers.Authorization;
        if (brought.Count > 1) return null;
        if (brought.Count == 1) return await OfAsync(brought.ToString(), context.RequestAborted).ConfigureAwait(false);
        if (options.Tls?.StationAuthority is not null
            && context.Connection.ClientCertificate is { } certificate) // verified when the connection was made
            return StationCertificates.IsOfNow(certificate, ledger.Clock.GetCurrentInstant())
                ? StationCertificates.HolderOf(certificate) : null;
        return options.IsRequired ? null : ledger.Operator("http");
    }

    private async ValueTask<Principal?> OfAsync(string header, CancellationToken ct)
    {
        var text = header switch
        {
            _ when header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) => header["Bearer ".Length..].Trim(),
            _ when header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase) =>
                PasswordOf(header["Basic ".Length..].Trim()),
            _ => null,
        };
        if (text is null) return null;
        if (AccessKeyText.TryParse(text, out var key)) return await Keys.HolderAsync(key, ct).ConfigureAwait(false);
        if (text.StartsWith(FolderPrefix, StringComparison.Ordinal))
            return CryptographicOperations.FixedTimeEquals(
                Encoding.ASCII.GetBytes(text), Encoding.ASCII.GetBytes(FolderToken)) ? ledger.Operator("http") : null;
        return tokens is null ? null : await tokens.HolderAsync(text, ct).ConfigureAwait(false);
    }

    private static string? PasswordOf(string basic)
    {
        var room = new byte[basic.Length];
        if (!Convert.TryFromBase64String(basic, room, out var length)) return null;
        var text = Encoding.UTF8.GetString(room, 0, length);
        var at = text.IndexOf(':', StringComparison.Ordinal);
        return at < 0 ? null : text[(at + 1)..];
    }

    public void Dispose() => tokens?.Dispose();
}
