using System.ComponentModel;
using System.Diagnostics;
using System.Security.Cryptography;
using Shouldly;

namespace Ledger.Tests.EventStoreDb;

/// <summary>
/// The double is checked by the official client for Node.js: what that sees of it is what it saw of a server of version
/// 24.2 (<c>NodeClient.seen.verified.txt</c>). Skipped where there is no Node.js or the client cannot be installed.
/// </summary>
[Collection(nameof(EventStoreDbServerContractTests))]
public sealed class NodeClientTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_official_client_sees_the_double_as_it_saw_a_server()
    {
        await using var server = await EventStoreDouble.StartAsync();
        Snapshot.Match(await SeenAsync(server.ConnectionString, "double-"), "EventStoreDb/NodeClient.seen");
    }

    [Fact]
    public async Task The_official_client_sees_a_server_of_ones_own_as_it_saw_that_one()
    {
        Assert.SkipWhen(EventStoreDbServerContractTests.Server is null, "LEDGER_ESDB names no server");
        Snapshot.Match(await SeenAsync(EventStoreDbServerContractTests.Server!,
            $"run-{TimeProvider.System.GetTimestamp():x}-"), "EventStoreDb/NodeClient.seen");
    }

    private static async Task<string> SeenAsync(string connectionString, string prefix)
    {
        var script = Repository.PathOf("tests/Ledger.Tests/EventStoreDb/node");
        // Installed once for each list of packages, and not in the repository.
        var digest = Convert.ToHexStringLower(SHA256.HashData(
            await File.ReadAllBytesAsync(Path.Combine(script, "package-lock.json"), Ct)));
        var folder = Path.Combine(TestPlace.Disk, $"ledger-node-{digest[..16]}");
        if (!Directory.Exists(Path.Combine(folder, "node_modules")))
        {
            var fresh = $"{folder}-{Environment.ProcessId}";
            Directory.CreateDirectory(fresh);
            foreach (var file in new[] { "package.json", "package-lock.json" })
                File.Copy(Path.Combine(script, file), Path.Combine(fresh, file), overwrite: true);
            var (installed, _, why) = await RunAsync("npm", fresh, "ci", "--ignore-scripts", "--no-audit", "--no-fund");
            Assert.SkipWhen(installed != 0, $"the official client cannot be installed: {why}");
            if (!Directory.Exists(folder)) Directory.Move(fresh, folder);
        }
        File.Copy(Path.Combine(script, "check.mjs"), Path.Combine(folder, "check.mjs"), overwrite: true);
        var (exit, seen, errors) = await RunAsync("node", folder, "check.mjs", connectionString, prefix);
        errors.ShouldBeEmpty();
        exit.ShouldBe(0);
        return seen;
    }

    private static async Task<(int Exit, string Output, string Errors)> RunAsync(string program, string folder,
        params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception)
        {
            Assert.Skip($"{program} is not installed");
            throw; // never: a skip throws
        }
        using (process)
        {
            var output = process.StandardOutput.ReadToEndAsync(Ct);
            var errors = process.StandardError.ReadToEndAsync(Ct);
            await process.WaitForExitAsync(Ct);
            return (process.ExitCode, await output, await errors);
        }
    }
}
