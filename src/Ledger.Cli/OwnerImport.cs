using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Ledger.Api.Resources;
using Ledger.Journal;

namespace Ledger.Cli;

/// <summary>
/// Hands files to the process that owns the data folder, over HTTP on this machine, and reads back what became of
/// them: the same counts and refusals as if they had been taken here.
/// </summary>
internal static class OwnerImport
{
    public static async Task<List<FileAnswer>> SendAsync(
        Uri owner, CommandLine line, IReadOnlyList<Submission> files, CancellationToken ct)
    {
        using var client = OwnerClient.Create(owner, line.Data);
        var answers = new List<FileAnswer>();
        foreach (var file in files)
            try
            {
                answers.Add(await SendAsync(client, owner, line, file, ct).ConfigureAwait(false));
            }
            catch (Exception failure) when (answers.Count > 0 && Failure.Explain(failure, line.Data) is { } explained)
            {
                throw new CouldNotException($"{file.Source}: {explained}. Before it the owner took "
                    + string.Join(", ", answers.Select(Taken)));
            }
        return answers;
    }

    private static string Taken(FileAnswer file) => string.Create(CultureInfo.InvariantCulture,
        $"{file.Name} ({file.Recorded} recorded, {file.AlreadyThere} already there, {file.Refused} refused)");

    private static async Task<FileAnswer> SendAsync(
        HttpClient client, Uri owner, CommandLine line, Submission file, CancellationToken ct)
    {
        using var content = new ByteArrayContent(file.Bytes.ToArray());
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        if (line.Option("--subject") is { } subject)
            content.Headers.Add(FileAnswer.SubjectHeader, Uri.EscapeDataString(subject));
        var route = new Uri($"v1/imports?{Query(line, file)}", UriKind.Relative);
        using var response = await client.PostAsync(route, content, ct).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
            throw new CouldNotException(
                $"the owner at {owner} refuses {file.Source} with {(int)response.StatusCode}: "
                + await response.Content.ReadAsStringAsync(ct).ConfigureAwait(false));
        return await response.Content.ReadFromJsonAsync<FileAnswer>(ct).ConfigureAwait(false)
            ?? throw new CouldNotException($"the owner at {owner} does not say what became of {file.Source}");
    }

    private static string Query(CommandLine line, Submission file)
    {
        var hints = new (string Name, string? Value)[]
        {
            ("name", file.Source), ("point", line.Option("--point")), ("zone", line.Option("--zone")),
            ("sentAt", line.Option("--sent-at")),
        };
        return string.Join('&', hints.Where(hint => hint.Value is not null)
            .Select(hint => $"{hint.Name}={Uri.EscapeDataString(hint.Value!)}"));
    }
}
