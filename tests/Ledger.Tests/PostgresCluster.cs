using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Ledger.Domain;
using Npgsql;

namespace Ledger.Tests;

/// <summary>
/// A PostgreSQL server of the tests' own: a new cluster in a temporary folder, on a free port of this machine alone,
/// with fsync on. PostgreSQL refuses to run as root, so for root it runs as the user of Debian's package.
/// </summary>
public sealed class PostgresCluster : IAsyncLifetime
{
    private const string ServerUser = "postgres";
    private static readonly TimeSpan StartsWithin = TimeSpan.FromSeconds(30);
    private static int made;
    private readonly string folder = Path.Combine(Path.GetTempPath(), string.Create(
        CultureInfo.InvariantCulture, $"ledger-postgres-{Environment.ProcessId}-{Interlocked.Increment(ref made)}"));
    private readonly string? programs = FindPrograms();
    private Process? server;
    private string? whyNot;

    /// <summary>Where it listens, on 127.0.0.1; the same after a restart.</summary>
    public int Port { get; } = FreePort();

    /// <summary>Skips a test, by name, where there is no PostgreSQL.</summary>
    public void Need() => Assert.SkipWhen(whyNot is not null, whyNot ?? "");

    /// <summary>How the server is reached.</summary>
    /// <param name="application">Under which name, so that a test can end this client's sessions.</param>
    public string Connection(string application = "ledger", string database = "postgres") => string.Create(
        CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={Port};Database={database};Username=ledger;Timeout=5;")
        + $"Application Name={application}";

    /// <summary>A ledger of which nothing is there yet, in a schema of its own.</summary>
    public static LedgerId NewLedger() =>
        new(string.Create(CultureInfo.InvariantCulture, $"test{Interlocked.Increment(ref made)}"));

    public async ValueTask InitializeAsync()
    {
        if (programs is null)
        {
            whyNot = "needs PostgreSQL: apt-get install postgresql";
            return;
        }
        if (IsRoot && Run("id", ServerUser) != 0)
        {
            whyNot = $"needs the user {ServerUser}, because PostgreSQL refuses to run as root";
            return;
        }
        Directory.CreateDirectory(folder);
        if (IsRoot) Must(Run("chown", ServerUser, folder), "chown");
        Must(Run("sh", "-c", $"{AsServerUser}{programs}/initdb -D {folder}/data -U ledger -A trust --locale=C -E UTF8 "
            + $"--no-sync > {folder}/initdb.log 2>&1"), "initdb");
        await StartAsync();
    }

    /// <summary>
    /// Starts the server below a shell that waits for the end of its input: so it stops when the tests do, however
    /// those end.
    /// </summary>
    public async Task StartAsync()
    {
        var start = new ProcessStartInfo("sh") { RedirectStandardInput = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add($"{AsServerUser}{programs}/postgres -D {folder}/data -p {Port} -c fsync=on "
            + "-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 -c shared_buffers=128MB "
            + $"-c max_wal_size=1GB >> {folder}/server.log 2>&1 & server=$!; read end; "
            + $"kill -INT $(head -1 {folder}/data/postmaster.pid) 2>/dev/null; wait $server");
        server = Process.Start(start)!;
        for (var watch = Stopwatch.StartNew(); ;)
        {
            try
            {
                await using var connection = new NpgsqlConnection(Connection());
                await connection.OpenAsync();
                return;
            }
            catch (NpgsqlException) when (watch.Elapsed < StartsWithin)
            {
                await Task.Delay(50);
            }
        }
    }

    /// <summary>Kills the server as a crash would: nothing is written out.</summary>
    public async Task CrashAsync()
    {
        var postmaster = (await File.ReadAllLinesAsync(Path.Combine(folder, "data", "postmaster.pid")))[0];
        Must(Run("kill", "-QUIT", postmaster), "kill");
        await StopAsync();
    }

    /// <summary>Runs SQL as the server's administrator.</summary>
    public object? Execute(string sql)
    {
        using var connection = new NpgsqlConnection(Connection("administrator"));
        connection.Open();
        using var command = new NpgsqlCommand(sql, connection);
        return command.ExecuteScalar();
    }

    /// <summary>Ends every session of a client, as a cut cable would.</summary>
    public void Cut(string application) => Execute(
        $"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '{application}'");

    public async Task StopAsync()
    {
        if (server is null) return;
        server.StandardInput.Close();
        await server.WaitForExitAsync();
        server.Dispose();
        server = null;
        NpgsqlConnection.ClearAllPools();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    private static bool IsRoot => Environment.UserName == "root";
    private static string AsServerUser => IsRoot ? $"setpriv --reuid={ServerUser} --regid={ServerUser} --clear-groups " : "";

    /// <summary>Where initdb and postgres lie: on the path, or where Debian keeps the versions.</summary>
    private static string? FindPrograms()
    {
        var debian = "/usr/lib/postgresql";
        var versions = Directory.Exists(debian)
            ? Directory.GetDirectories(debian).OrderByDescending(
                version => int.TryParse(Path.GetFileName(version), CultureInfo.InvariantCulture, out var number)
                    ? number : 0)
            : Enumerable.Empty<string>();
        return versions.Select(version => Path.Combine(version, "bin"))
            .Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'))
            .FirstOrDefault(path => File.Exists(Path.Combine(path, "initdb"))
                && File.Exists(Path.Combine(path, "postgres")));
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static int Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }

    private static void Must(int exit, string what)
    {
        if (exit != 0) throw new InvalidOperationException($"{what} of a test's PostgreSQL failed: {exit}");
    }
}

/// <summary>The tests that share one server, one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class OnPostgres : ICollectionFixture<PostgresCluster>
{
    public const string Name = "PostgreSQL";
}
