using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Ledger.Api.Access;
using Scalar.AspNetCore;

namespace Ledger.Api.Pages;

/// <summary>
/// The interface as a page to read and try, <c>/docs</c>: Scalar's script, which lies in its package, over this
/// server's own document. All of it comes from this server; the page's policy lets a browser ask nobody else, whatever
/// the script would like. Of the package nothing but the script is used, because its own page has a script within,
/// which the policy forbids.
/// </summary>
internal static class InterfacePage
{
    private const string Resource = "ScalarStaticAssets.scalar.js", Script = "text/javascript; charset=utf-8";

    /// <summary>Scalar makes its styles as it runs; everything else is from here alone.</summary>
    private const string Policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        + "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; "
        + "frame-ancestors 'none'";

    private const string Page = """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><title>Ledger: the HTTP interface</title>
        <meta name="viewport" content="width=device-width, initial-scale=1"></head>
        <body><noscript>The interface as a document: <a href="/openapi/v1.json">/openapi/v1.json</a></noscript>
        <div id="interface"></div>
        <script src="/docs/scalar.js"></script><script src="/docs/start.js"></script></body></html>

        """;

    private const string Start = """
        Scalar.createApiReference('#interface', {
          url: '/openapi/v1.json', withDefaultFonts: false, telemetry: false, hideClientButton: true,
          showDeveloperTools: 'never', agent: { disabled: true }, mcp: { disabled: true },
        })

        """;

    public static void Map(WebApplication app)
    {
        var script = new Lazy<(byte[] Content, string Tag)>(ReadScript);
        Serve(app, "/docs", "text/html; charset=utf-8", Page);
        Serve(app, "/docs/start.js", Script, Start);
        app.MapGet("/docs/scalar.js", (HttpContext context) =>
        {
            if (Representation.IsKnown(context, script.Value.Tag)) return Results.Empty;
            context.Response.Headers.CacheControl = "public, max-age=3600"; // seconds; the next version has another tag
            return Results.Bytes(script.Value.Content, Script);
        }).ForAnybody().RequireRateLimiting(Protection.ReadRequests).ExcludeFromDescription();
    }

    private static void Serve(WebApplication app, string path, string media, string text) =>
        app.MapGet(path, (HttpContext context) =>
        {
            context.Response.Headers.ContentSecurityPolicy = Policy;
            return Results.Bytes(Encoding.UTF8.GetBytes(text), media);
        }).ForAnybody().RequireRateLimiting(Protection.ReadRequests).ExcludeFromDescription();

    private static (byte[] Content, string Tag) ReadScript()
    {
        using var packed = typeof(ScalarOptions).Assembly.GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"the package Scalar.AspNetCore has no {Resource}");
        using var content = new MemoryStream();
        packed.CopyTo(content);
        var bytes = content.ToArray();
        if (bytes is [0x1f, 0x8b, ..]) // gzip (RFC 1952)
        {
            using var unpacked = new MemoryStream();
            using (var gzip = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress))
                gzip.CopyTo(unpacked);
            bytes = unpacked.ToArray();
        }
        return (bytes, Representation.TagOf(SHA256.HashData(bytes)));
    }
}
