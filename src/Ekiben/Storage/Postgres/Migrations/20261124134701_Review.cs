using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace Ekiben.Storage.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class Review : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<bool>(
                name: "approver_differs",
                table: "sites",
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<long>(
                name: "key_approval_limit",
                table: "sites",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<bool>(
                name: "keys_may_approve",
                table: "sites",
                type: "boolean",
                nullable: false,
                defaultValue: true);

            migrationBuilder.AddColumn<long>(
                name: "second_approval_above",
                table: "sites",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "type_count_above",
                table: "sites",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "count_when_made",
                table: "broadcasts",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "ticked",
                table: "approvals",
                type: "text",
                nullable: true,
                collation: "C");

            migrationBuilder.CreateTable(
                name: "instance",
                columns: table => new
                {
                    id = table.Column<int>(type: "integer", nullable: false),
                    owner = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    beat = table.Column<long>(type: "bigint", nullable: false),
                    lease_until = table.Column<long>(type: "bigint", nullable: false),
                    address = table.Column<string>(type: "text", nullable: true, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_instance", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "rehearsals",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    site_id = table.Column<long>(type: "bigint", nullable: false),
                    broadcast_id = table.Column<long>(type: "bigint", nullable: false),
                    digest = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    started_by = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    started_at = table.Column<long>(type: "bigint", nullable: false),
                    finished_at = table.Column<long>(type: "bigint", nullable: false),
                    result = table.Column<string>(type: "text", nullable: false, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_rehearsals", x => x.id);
                });

            migrationBuilder.CreateIndex(
                name: "IX_rehearsals_broadcast_id_id",
                table: "rehearsals",
                columns: new[] { "broadcast_id", "id" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "instance");

            migrationBuilder.DropTable(
                name: "rehearsals");

            migrationBuilder.DropColumn(
                name: "approver_differs",
                table: "sites");

            migrationBuilder.DropColumn(
                name: "key_approval_limit",
                table: "sites");

            migrationBuilder.DropColumn(
                name: "keys_may_approve",
                table: "sites");

            migrationBuilder.DropColumn(
                name: "second_approval_above",
                table: "sites");

            migrationBuilder.DropColumn(
                name: "type_count_above",
                table: "sites");

            migrationBuilder.DropColumn(
                name: "count_when_made",
                table: "broadcasts");

            migrationBuilder.DropColumn(
                name: "ticked",
                table: "approvals");
        }
    }
}
