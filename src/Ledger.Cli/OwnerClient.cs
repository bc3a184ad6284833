using System.Net.Http.Headers;
using Ledger.Api;

namespace Ledger.Cli;

/// <summary>
/// Speaks to the process that owns a data folder, over HTTP on this machine. Where that asks for keys, the folder's own
/// token is brought: whoever may read the folder may do what its operator may. Its work takes as long as it
/// takes, as it would here; whoever waits may stop waiting.
/// </summary>
public static class OwnerClient
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    public static HttpClient Create(Uri owner, string data)
    {
        // Facts are never sent to another machine because of what a file in the data folder says.
        if (!owner.IsLoopback)
            throw new CouldNotException($"the owner of {data} answers at {owner}, which is not on this machine");
        var client = new HttpClient(new SocketsHttpHandler { ConnectTimeout = ConnectTimeout })
        {
            BaseAddress = owner,
            Timeout = Timeout.InfiniteTimeSpan,
        };
        var token = Path.Combine(data, OpenLedger.TokenFileName);
        if (File.Exists(token))
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", File.ReadAllText(token));
        return client;
    }
}
