using System.Data.Common;
using Marten.Internal.Operations;
using Marten.Storage;
using NpgsqlTypes;
using Weasel.Core;
using Weasel.Storage;
using ICommandBuilder = Weasel.Postgresql.ICommandBuilder;
using IStorageOperation = Marten.Internal.Operations.IStorageOperation;

namespace Ledger.Stores.Postgres;

/// <summary>
/// One statement of a Marten unit of work that answers with one number, which is judged before the transaction commits:
/// an exception rolls all of it back.
/// </summary>
/// <param name="sql">With a '?' for each value.</param>
/// <param name="judge">What is wrong with the number (null where the statement found no row); null where it is as it
/// should be.</param>
internal sealed class CountedStatement(string sql, Func<long?, Exception?> judge,
    params (object Value, NpgsqlDbType Type)[] values) : IStorageOperation
{
    // Marten's own statements name this type too: no document's table is looked for.
    public Type DocumentType => typeof(StorageFeatures);

    public OperationRole Role() => OperationRole.Other;

    public void ConfigureCommand(ICommandBuilder builder, IStorageSession session)
    {
        var parameters = builder.AppendWithParameters(sql);
        for (var i = 0; i < parameters.Length; i++)
            (parameters[i].Value, parameters[i].NpgsqlDbType) = values[i];
    }

    public async Task PostprocessAsync(DbDataReader reader, IList<Exception> exceptions, CancellationToken token)
    {
        long? number = await reader.ReadAsync(token).ConfigureAwait(false)
            && !await reader.IsDBNullAsync(0, token).ConfigureAwait(false) ? reader.GetInt64(0) : null;
        if (judge(number) is { } wrong) exceptions.Add(wrong);
    }
}
