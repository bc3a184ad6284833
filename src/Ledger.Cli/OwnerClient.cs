using System.Net.Http.Headers;
using Ledger.Api;

namespace Ledger.Cli;

/// <summary>
/// Speaks to the process that owns a data folder, over HTTP on this machine. Where that asks for keys, the folder's own
/// token is brought: whoever may read the folder may do what its operator may.
/// </summary>
internal static class OwnerClient
{
    public static HttpClient Create(Uri owner, string data)
    {
        // Facts are never sent to another machine because of what a file in the data folder says.
        if (!owner.IsLoopback)
            throw new CouldNotException($"the owner of {data} answers at {owner}, which is not on this machine");
        var client = new HttpClient { BaseAddress = owner };
        var token = Path.Combine(data, OpenLedger.TokenFileName);
        if (File.Exists(token))
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", File.ReadAllText(token));
        return client;
    }
}
