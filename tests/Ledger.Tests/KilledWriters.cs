using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using NodaTime;

namespace Ledger.Tests;

/// <summary>A reading that the ledger acknowledged; the position where it said one.</summary>
internal sealed record Acknowledged(string Register, long Index, long? Position);

/// <summary>
/// Sixty-four writers of register readings and one of files, against a server that is killed again and again. A lost
/// answer is asked for again with the same key. Sixteen writers share four registers and send the same readings.
/// </summary>
internal sealed class KilledWriters(Uri server, Instant firstReadAt) : IDisposable
{
    public const int Writers = 64, SharedWriters = 16, SharedRegisters = 4, RowsPerFile = 200;
    private const string FileRegister = "FILE";

    private readonly HttpClient client = new(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(2) })
    {
        BaseAddress = server,
        Timeout = TimeSpan.FromSeconds(30),
    };
    private readonly CancellationTokenSource stopping = new();
    private readonly SemaphoreSlim acknowledgements = new(0);
    private volatile TaskCompletionSource up = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What was acknowledged and is not yet looked at.</summary>
    public ConcurrentQueue<Acknowledged> Fresh { get; } = new();
    /// <summary>Answers that no writer may ever get.</summary>
    public ConcurrentQueue<string> Wrong { get; } = new();

    public static IEnumerable<string> Registers =>
        Enumerable.Range(0, Writers).Select(RegisterOf).Append(FileRegister).Distinct();

    private static string RegisterOf(int writer) => writer < SharedWriters
        ? string.Create(CultureInfo.InvariantCulture, $"SHARED{writer % SharedRegisters}")
        : string.Create(CultureInfo.InvariantCulture, $"OWN{writer}");

    public void Up() => up.TrySetResult();
    public void Down() => up = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public async Task InstallAsync(CancellationToken ct)
    {
        foreach (var point in Registers)
        {
            await PostAsync("/v1/settlement-points", $$"""{"point":"{{point}}","station":"S","kind":"connector","owner":"ACME","zone":"Etc/UTC","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00Z"}""", null, ct);
            await PostAsync("/v1/registers", $$"""{"point":"{{point}}","direction":"import","meterSerial":"{{point}}","digits":12,"decimals":3,"validFrom":"2026-01-01T00:00:00Z"}""", null, ct);
        }
    }

    public Task RunAsync() => Task.WhenAll(Enumerable.Range(0, Writers).Select(WriteAsync).Append(ImportAsync()));

    /// <summary>Waits for so many more acknowledgements; a server that gives none for long fails the test.</summary>
    public async Task WaitForAsync(int more, CancellationToken ct)
    {
        while (acknowledgements.Wait(0, ct)) continue;
        for (var waited = 0; waited < more && Wrong.IsEmpty; waited++)
            if (!await acknowledgements.WaitAsync(TimeSpan.FromSeconds(30), ct))
                throw new TimeoutException($"{waited} acknowledgements, then none for 30 s");
    }

    public Task StopAsync() => stopping.CancelAsync();

    private async Task WriteAsync(int writer)
    {
        var index = 1L;
        while (await UntilTakenAsync(writer, index)) index++;
    }

    /// <summary>Sends one reading until it is acknowledged; false where the campaign has ended before.</summary>
    private async Task<bool> UntilTakenAsync(int writer, long index)
    {
        var register = RegisterOf(writer);
        var body =
            $$"""{"point":"{{register}}","direction":"import","readAt":"{{At(index)}}","kwh":"{{Kwh(index)}}"}""";
        var (status, text) = await UntilAnsweredAsync("/v1/register-readings", body,
            string.Create(CultureInfo.InvariantCulture, $"w{writer}-{index}"));
        if (status == 0) return false;
        if (status is not (200 or 201))
        {
            Wrong.Enqueue($"{register} {index}: {status} {text}");
            return false;
        }
        using var answer = JsonDocument.Parse(text);
        var position = answer.RootElement.GetProperty("position").GetString();
        Fresh.Enqueue(new(register, index, position is null
            ? null : long.Parse(position, CultureInfo.InvariantCulture)));
        acknowledgements.Release();
        return true;
    }

    private async Task ImportAsync()
    {
        for (var file = 0L; !stopping.IsCancellationRequested; file++)
        {
            var indices = Enumerable.Range(1, RowsPerFile).Select(row => file * RowsPerFile + row).ToList();
            var rows = string.Concat(indices.Select(index => $"{FileRegister},1.8.0,{At(index)},{Kwh(index)}\n"));
            var (status, text) = await UntilAnsweredAsync(
                string.Create(CultureInfo.InvariantCulture, $"/v1/imports?name=file-{file}.csv"),
                "point,register,read_at,kwh\n" + rows, null);
            if (status == 0) return;
            using var answer = status == 200 ? JsonDocument.Parse(text) : null;
            if (answer is null || answer.RootElement.GetProperty("uncounted").GetArrayLength() > 0)
            {
                Wrong.Enqueue($"file {file}: {status} {text}");
                return;
            }
            foreach (var index in indices) Fresh.Enqueue(new(FileRegister, index, null));
        }
    }

    /// <summary>Sends the same bytes under the same key until there is an answer other than "busy";
    /// 0 where the campaign has ended.</summary>
    private async Task<(int Status, string Text)> UntilAnsweredAsync(string path, string body, string? key)
    {
        while (true)
        {
            try
            {
                await up.Task.WaitAsync(stopping.Token);
                var (status, text) = await PostAsync(path, body, key, stopping.Token);
                if (status != 429) return (status, text);
            }
            catch (Exception lost) when (lost is HttpRequestException or IOException or OperationCanceledException)
            {
                if (stopping.IsCancellationRequested) return (0, "");
            }
            await Task.Yield();
        }
    }

    private async Task<(int Status, string Text)> PostAsync(string path, string body, string? key, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post,
            path)
        { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        if (key is not null) request.Headers.Add("Idempotency-Key", key);
        using var response = await client.SendAsync(request, ct);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(ct));
    }

    // One reading a second, and one step of the register from each to the next.
    private string At(long index) =>
        NodaTime.Text.InstantPattern.ExtendedIso.Format(firstReadAt + Duration.FromSeconds(index));
    private static string Kwh(long index) => (index / 1000m).ToString("0.000", CultureInfo.InvariantCulture);

    public void Dispose()
    {
        client.Dispose();
        acknowledgements.Dispose();
        stopping.Dispose();
    }
}
