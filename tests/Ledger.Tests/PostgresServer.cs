using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Ledger.Tests;

/// <summary>
/// A PostgreSQL server of our own, for tests and benchmarks: a new cluster in a temporary folder, on a free port of
/// this machine alone, with fsync on. PostgreSQL refuses to run as root, so for root it runs as the user of Debian's
/// package.
/// </summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private const string ServerUser = "postgres";
    private static readonly TimeSpan StartsWithin = TimeSpan.FromMinutes(3);
    private static int made;
    private readonly string programs, folder;
    private Process? server;

    private PostgresServer(string programs)
    {
        this.programs = programs;
        folder = Path.Combine(Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture,
            $"ledger-postgres-{Environment.ProcessId}-{Interlocked.Increment(ref made)}"));
    }

    /// <summary>Why there can be none on this machine; null where there can.</summary>
    public static string? WhyNot() => FindPrograms() is null ? "needs PostgreSQL: apt-get install postgresql"
        : IsRoot && Run("id", ServerUser) != 0
            ? $"needs the user {ServerUser}, because PostgreSQL refuses to run as root" : null;

    /// <summary>Makes a cluster and starts it.</summary>
    public static async Task<PostgresServer> StartNewAsync()
    {
        var made = new PostgresServer(FindPrograms() ?? throw new InvalidOperationException(WhyNot()));
        Directory.CreateDirectory(made.folder);
        if (IsRoot) Must(Run("chown", ServerUser, made.folder), "chown");
        Must(Run("sh", "-c", $"{AsServerUser}{made.programs}/initdb -D {made.folder}/data -U ledger -A trust --locale=C "
            + $"-E UTF8 --no-sync > {made.folder}/initdb.log 2>&1"), "initdb");
        await made.StartAsync();
        return made;
    }

    /// <summary>A standby of this server, which is restarted for it: it has what there is now, and gets nothing of what
    /// comes, as one whose replay is behind.</summary>
    public async Task<PostgresServer> WithStandbyBehindAsync()
    {
        var standby = new PostgresServer(programs);
        await StopAsync();
        Must(Run("cp", "-a", folder, standby.folder), "cp");
        Must(Run("sh", "-c", $"{AsServerUser}touch {standby.folder}/data/standby.signal"), "touch");
        await StartAsync();
        await standby.StartAsync();
        return standby;
    }

    /// <summary>Where it listens, on 127.0.0.1; the same after a restart.</summary>
    public int Port { get; } = FreePorts.Next();

    /// <summary>How it is reached.</summary>
    /// <param name="application">Under which name, so that a test can end this client's sessions.</param>
    public string Connection(string application = "ledger", string database = "postgres") => string.Create(
        CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={Port};Database={database};Username=ledger;Timeout=60;")
        + $"Application Name={application}";

    /// <summary>
    /// Starts it below a shell that waits for the end of its input: so it stops when this process does, however that
    /// ends.
    /// </summary>
    public async Task StartAsync()
    {
        var start = new ProcessStartInfo("sh") { RedirectStandardInput = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add($"{AsServerUser}{programs}/postgres -D {folder}/data -p {Port} -c fsync=on "
            + "-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300 -c shared_buffers=256MB "
            + $"-c max_wal_size=2GB >> {folder}/server.log 2>&1 & server=$!; read end; kill -INT $server 2>/dev/null; wait $server");
        server = Process.Start(start)!;
        for (var watch = Stopwatch.StartNew(); ;)
        {
            try
            {
                await using var connection = new NpgsqlConnection(Connection("starting") + ";Pooling=false");
                await connection.OpenAsync();
                return;
            }
            catch (NpgsqlException) when (watch.Elapsed < StartsWithin)
            {
                await Task.Delay(50);
            }
        }
    }

    /// <summary>Ends it as a crash would: nothing is written out.</summary>
    public async Task CrashAsync()
    {
        var postmaster = (await File.ReadAllLinesAsync(Path.Combine(folder, "data", "postmaster.pid")))[0];
        Must(Run("kill", "-QUIT", postmaster), "kill");
        await StopAsync();
    }

    public async Task StopAsync()
    {
        if (server is null) return;
        server.StandardInput.Close();
        await server.WaitForExitAsync();
        server.Dispose();
        server = null;
    }

    /// <summary>Runs SQL as the administrator; the first value of its answer.</summary>
    public object? Execute(string sql, string database = "postgres")
    {
        using var connection = new NpgsqlConnection(Connection("administrator", database) + ";Pooling=false");
        connection.Open();
        using var command = new NpgsqlCommand(sql, connection);
        return command.ExecuteScalar();
    }

    /// <summary>Ends every session of a client, as a cut cable would.</summary>
    public void Cut(string application) => Execute(
        $"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '{application}'");

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(folder, recursive: true);
    }

    private static bool IsRoot => Environment.UserName == "root";

    private static string AsServerUser =>
        IsRoot ? $"setpriv --reuid={ServerUser} --regid={ServerUser} --clear-groups " : "";

    /// <summary>Where initdb and postgres lie: where Debian keeps the versions, or on the path.</summary>
    private static string? FindPrograms()
    {
        const string debian = "/usr/lib/postgresql";
        IEnumerable<string> versions = Directory.Exists(debian) ? Directory.GetDirectories(debian) : [];
        return versions.OrderByDescending(version =>
                int.TryParse(Path.GetFileName(version), CultureInfo.InvariantCulture, out var number) ? number : 0)
            .Select(version => Path.Combine(version, "bin"))
            .Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'))
            .FirstOrDefault(path => File.Exists(Path.Combine(path, "initdb"))
                && File.Exists(Path.Combine(path, "postgres")));
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
        if (exit != 0) throw new InvalidOperationException($"{what} of a PostgreSQL server failed: {exit}");
    }
}
