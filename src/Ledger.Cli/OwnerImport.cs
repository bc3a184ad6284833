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
            answers.Add(await response.Content.ReadFromJsonAsync<FileAnswer>(ct).ConfigureAwait(false)
                ?? throw new CouldNotException($"the owner at {owner} does not say what became of {file.Source}"));
        }
        return answers;
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
