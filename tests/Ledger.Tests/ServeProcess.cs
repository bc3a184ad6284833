using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Ledger.Tests;

/// <summary>A real <c>ledger serve</c> process on a data folder, which a test may kill at any moment.</summary>
internal sealed class ServeProcess : IDisposable
{
    private readonly Process process;
    private readonly StringBuilder errors = new();

    private ServeProcess(Process process, string greeting)
    {
        (this.process, Greeting) = (process, greeting);
        process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is null) return; // the stream has ended
            lock (errors) errors.AppendLine(line.Data);
        };
        process.BeginErrorReadLine();
    }

    /// <summary>The line that it prints when it listens.</summary>
    public string Greeting { get; }
    public int ExitCode => process.ExitCode;

    public string Errors
    {
        get
        {
            lock (errors) return errors.ToString();
        }
    }

    /// <summary>Starts it and waits until it listens.</summary>
    public static Task<ServeProcess> StartAsync(string folder, int port, CancellationToken ct, string? create = null) =>
        StartAsync(["serve", .. create is null ? (string[])[] : [$"--ledger={create}"]], folder, port, ct);

    /// <summary>Starts a verb that listens, and waits until it does.</summary>
    /// <param name="under">The program, with its arguments, that runs it; none where it runs by itself.</param>
    public static async Task<ServeProcess> StartAsync(
        string[] verb, string folder, int port, CancellationToken ct, string[]? under = null)
    {
        string[] line = [.. under ?? [], "dotnet", Path.Combine(AppContext.BaseDirectory, "ledger.dll"), .. verb,
            "--data", folder, "--port", port.ToString(CultureInfo.InvariantCulture)];
        var start = new ProcessStartInfo(line[0]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in line[1..]) start.ArgumentList.Add(argument);
        // What the tests are told by the environment is no setting of a server.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("LEDGER_", StringComparison.Ordinal)).ToList())
            start.Environment.Remove(name);
        var process = Process.Start(start)!;
        var greeting = await process.StandardOutput.ReadLineAsync(ct);
        return greeting is not null
            ? new ServeProcess(process, greeting)
            : throw new InvalidOperationException(
                $"ledger {verb[0]} did not start: {await process.StandardError.ReadToEndAsync(ct)}");
    }

    /// <summary>Waits until it has ended by itself.</summary>
    public async Task EndedAsync(CancellationToken ct)
    {
        await process.WaitForExitAsync(ct);
        process.WaitForExit(); // until its last line was read
    }

    /// <summary>SIGKILL: nothing in the process runs any more.</summary>
    public async Task KillAsync(CancellationToken ct)
    {
        process.Kill(entireProcessTree: true); // under strace the server is the child
        await process.WaitForExitAsync(ct);
    }

    /// <summary>SIGTERM: it answers what is under way and ends.</summary>
    public async Task TerminateAsync(CancellationToken ct)
    {
        using var kill = Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]);
        await process.WaitForExitAsync(ct);
    }

    public void Dispose()
    {
        if (!process.HasExited) process.Kill(entireProcessTree: true);
        process.WaitForExit();
        process.Dispose();
    }
}
