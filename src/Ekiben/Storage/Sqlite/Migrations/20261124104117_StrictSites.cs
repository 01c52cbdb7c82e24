using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Ekiben.Storage.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class StrictSites : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<bool>(
                name: "is_strict",
                table: "sites",
                type: "INTEGER",
                nullable: false,
                defaultValue: false);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "is_strict",
                table: "sites");
        }
    }
}
