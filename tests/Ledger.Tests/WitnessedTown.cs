using System.Net;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Journal;
using Ledger.Journal.Proof;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A small town that signs checkpoints, a witness that knows it, and both on HTTP.</summary>
internal sealed class WitnessedTown : IAsyncDisposable
{
    private readonly TestFolder folder = new();
    private readonly StringWriter errors = new();
    private readonly Stack<IAsyncDisposable> servers = new();
    private readonly Witness witness;

    private WitnessedTown(SmallTown town)
    {
        Town = town;
        Town.Run("checkpoint", "--origin", "ledger.example/town").Exit.ShouldBe(ExitCode.Done);
        LogKey = Town.Run("checkpoint", "--key").Output.TrimEnd();
        var key = Witness.KeyOf(folder.Path, "witness.example/w1")!;
        Witness.Trust(folder.Path, VerifierKey.Parse(LogKey));
        folder.Clock.Now = SmallTown.Now;
        witness = Witness.Open(folder.Path, key, folder.Clock);
    }

    public SmallTown Town { get; }
    public string LogKey { get; }
    public string WitnessKey => $"{witness.Verifier}";
    public Uri WitnessUrl { get; private set; } = new("http://127.0.0.1");

    public static async Task<WitnessedTown> StartAsync()
    {
        var made = new WitnessedTown(SmallTown.WithItsDay());
        var server = await WitnessServer.StartAsync(made.witness, new ServerOptions(IPAddress.Loopback, 0), made.errors,
            TestContext.Current.CancellationToken);
        made.servers.Push(server);
        made.WitnessUrl = server.Url;
        return made;
    }

    /// <summary>Serves a ledger's folder; where it answers.</summary>
    public async Task<Uri> ServeAsync(SmallTown town)
    {
        var identity = LedgerIdentity.Open(town.Data);
        var ledger = OpenLedger.Open(
            new SqliteJournalOptions(town.Data, identity.Ledger, new StandingClock(SmallTown.Now), identity.Secret));
        servers.Push(ledger);
        var server = await LedgerServer.StartAsync(ledger, new ServerOptions(IPAddress.Loopback, 0), errors,
            TestContext.Current.CancellationToken);
        servers.Push(server);
        return server.Url;
    }

    /// <summary>A policy with this town's log and witness, and what else stands in it.</summary>
    public string Policy(params string[] lines) => Town.File("policy.txt", string.Join('\n',
        [$"log {LogKey}", $"witness w1 {WitnessKey} {WitnessUrl}", .. lines]) + "\n");

    /// <summary>The keys that an auditor trusts.</summary>
    public string Keys => Town.File("trusted.keys", $"# the town and its witness\n{LogKey}\n{WitnessKey}\n");

    /// <summary>The same town with another history after its day, which has this one's secret and signing
    /// key.</summary>
    public SmallTown Rewritten(int more)
    {
        var other = SmallTown.WithItsDay();
        File.Copy(Path.Combine(Town.Data, SigningKeyFile.FileName),
            Path.Combine(other.Data, SigningKeyFile.FileName));
        for (var i = 0; i < more; i++) other.Run("import", other.File("note.txt", $"another history {i}"));
        return other;
    }

    public void Grow(int facts)
    {
        for (var i = 0; i < facts; i++) Town.Run("import", Town.File("note.txt", $"this history {i}"));
    }

    public async ValueTask DisposeAsync()
    {
        while (servers.TryPop(out var server)) await server.DisposeAsync();
        witness.Dispose();
        folder.Dispose();
        Town.Dispose();
        await errors.DisposeAsync();
    }
}
